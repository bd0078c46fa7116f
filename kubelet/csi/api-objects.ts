/** What the API says of CSI drivers, attachments and secrets: read when it is asked for, as the Node authorizer allows. */
import { csiDrivers, secrets, volumeAttachments } from '../../api/resources.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { orUndefined, secretEntries } from '../container/objects.ts'
import { VolumeError } from '../volumes/payload.ts'
import type { CsiObjects } from './csi-volumes.ts'

/** Without an API server there are none. */
export const csiObjects = (client: RestClient | undefined): CsiObjects => {
  if (client === undefined) {
    const standalone = (): Promise<never> => Promise.reject(new VolumeError('the kubelet runs without an API server'))
    return { driver: () => Promise.resolve(undefined), attachment: standalone, secret: standalone }
  }
  return {
    driver: (name) => orUndefined(client.get(csiDrivers, name)),
    attachment: (name) => orUndefined(client.get(volumeAttachments, name)),
    secret: async ({ namespace, name }) => {
      const entries = secretEntries(await client.get(secrets, name, namespace))
      return Object.fromEntries([...entries].map(([key, value]) => [key, value.toString()]))
    },
  }
}
