/** Tells Pods that could not share a volume once volumes are mounted with SELinux labels. Upstream: selinuxwarning. */
import { isPodTerminal } from '../../api/meta/pods.ts'
import { csiDrivers, persistentVolumeClaims, persistentVolumes } from '../../api/resources.ts'
import type { CSIDriver, PersistentVolume, Pod } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer } from '../indexes.ts'
import { keyOf } from '../objects.ts'
import { areBound, boundClaimKey, claimKeyOf, indexClaims, type PodVolume, podsOfClaim } from '../pod-volumes.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import {
  conflictMessage,
  conflictsOf,
  type LabelledUse,
  mountLabels,
  supportsLabelMount,
  useOf,
  volumeKey,
} from './plan.ts'

const name = 'selinux-warning-controller'

export const selinuxWarningController: Controller = {
  name,
  eventSource: 'selinux_warning',
  serviceAccount: name,
  offByDefault: true,
  setup: (context) => {
    const { informers, events } = context
    const queue = queueOf(context)
    const podCache = podInformer(informers)
    const claims = informers.for(persistentVolumeClaims)
    const volumes = informers.for(persistentVolumes)
    const drivers = informers.for(csiDrivers)
    indexClaims(podCache)
    /** By volume, then by Pod: what has been looked at. */
    const uses = new Map<string, Map<string, LabelledUse>>()
    const forget = (podKey: string): void => {
      for (const [volume, pods] of uses) if (pods.delete(podKey) && pods.size === 0) uses.delete(volume)
    }
    const enqueueUsers = (claimKey: string): void => podsOfClaim(podCache.lister, claimKey).forEach(enqueueSelf(queue))
    podCache.addHandler({
      onAdd: enqueueSelf(queue),
      onUpdate: (old, pod) => {
        if (isPodTerminal(old) !== isPodTerminal(pod)) enqueueSelf(queue)(pod)
      },
      onDelete: (pod) => forget(keyOf(pod)),
    })
    claims.addHandler({
      onAdd: (claim) => enqueueUsers(keyOf(claim)),
      onUpdate: (old, claim) => {
        if (old.spec?.volumeName !== claim.spec?.volumeName) enqueueUsers(keyOf(claim))
      },
    })
    volumes.addHandler({
      onAdd: (volume) => enqueueUsers(boundClaimKey(volume)),
      onUpdate: (old, volume) => {
        if (old.spec?.claimRef?.uid !== volume.spec?.claimRef?.uid) enqueueUsers(boundClaimKey(volume))
      },
    })
    onAnyChange(drivers, (driver: CSIDriver) => {
      for (const volume of volumes.lister.list()) {
        if (volume.spec?.csi?.driver === driver.metadata?.name) enqueueUsers(boundClaimKey(volume))
      }
    })

    const volumeOf = (pod: Pod, podVolume: PodVolume): PersistentVolume | undefined => {
      const claim = claims.lister.get(claimKeyOf(pod, podVolume) ?? '')
      const volume = volumes.lister.get(claim?.spec?.volumeName ?? '')
      return claim !== undefined && volume !== undefined && areBound(claim, volume) ? volume : undefined
    }

    const look = (pod: Pod, podVolume: PodVolume): void => {
      const volume = volumeOf(pod, podVolume)
      const labels = mountLabels(pod, podVolume.name)
      if (volume === undefined || labels.size === 0) return
      if (labels.size > 1) {
        const message = `Volume "${podVolume.name}" is mounted twice with different SELinux labels inside this pod`
        events.event(pod, 'Warning', 'MultipleSELinuxLabels', message)
        return
      }
      const use = useOf(pod, labels, supportsLabelMount(volume, drivers.lister.get))
      const ofVolume = uses.get(volumeKey(volume)) ?? new Map<string, LabelledUse>()
      ofVolume.delete(keyOf(pod))
      for (const conflict of conflictsOf(use, [...ofVolume.values()])) {
        events.event(conflict.pod, 'Normal', `${conflict.property}Conflict`, conflictMessage(conflict))
      }
      uses.set(volumeKey(volume), ofVolume.set(keyOf(pod), use))
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const pod = podCache.lister.get(key)
      if (pod === undefined || isPodTerminal(pod)) forget(key)
      else for (const podVolume of pod.spec?.volumes ?? []) look(pod, podVolume)
    }
    return workersOf(context, { name, queue, concurrency: 1, reconcile })
  },
}
