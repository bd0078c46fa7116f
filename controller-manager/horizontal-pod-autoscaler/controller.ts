/**
 * Resizes workloads so that their metrics come to their targets. Looks at each autoscaler once a sync period.
 * Upstream: pkg/controller/podautoscaler/horizontal.go.
 */
import { parseLabelSelector } from '../../api/meta/labels.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { groupVersionPath, horizontalPodAutoscalers, type ResourceRef, resourceRef } from '../../api/resources.ts'
import type { HorizontalPodAutoscaler, Pod, Scale } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { type DiscoveredResource, parseGroupVersion, parseResourceList } from '../discovery.ts'
import { messageOf } from '../errors.ts'
import { podInformer } from '../indexes.ts'
import { keyOf, labelsOf, namespaceOf } from '../objects.ts'
import { sameStatus } from '../semantic-equal.ts'
import { queueOf, workersOf } from '../wiring.ts'
import { type Behavior, type History, type Spec, trimmed } from './behavior.ts'
import { propose } from './metrics.ts'
import { createMetricsClient } from './metrics-client.ts'
import { Conditions, decide, type Decision, measure, type Status } from './plan.ts'
import type { Calculation } from './replicas.ts'

const name = 'horizontal-pod-autoscaler-controller'

const toleranceOf = (given: string | number | undefined, otherwise: number): number =>
  given === undefined ? otherwise : Number(given)

export const horizontalPodAutoscalerController: Controller = {
  name,
  eventSource: 'horizontal-pod-autoscaler',
  serviceAccount: 'horizontal-pod-autoscaler',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const periodMs = config['horizontal-pod-autoscaler-sync-period']
    const downWindowMs = config['horizontal-pod-autoscaler-downscale-stabilization']
    const queue = queueOf(context)
    const autoscalers = informers.for(horizontalPodAutoscalers)
    const podCache = podInformer(informers)
    const metricsClient = createMetricsClient(client)
    const histories = new Map<string, History>()
    /** The selector of each autoscaler's target, as it was seen last. */
    const selectors = new Map<string, string>()
    const kinds = new Map<string, DiscoveredResource>()
    // A new one is looked at soon; what is in the queue already keeps its time.
    autoscalers.addHandler({
      onAdd: (object) => queue.add(keyOf(object)),
      onUpdate: (old, object) => {
        if (old.metadata?.generation !== object.metadata?.generation) queue.add(keyOf(object))
      },
      onDelete: (object) => {
        histories.delete(keyOf(object))
        selectors.delete(keyOf(object))
      },
    })

    const resourceOf = async (apiVersion: string, kind: string): Promise<DiscoveredResource> => {
      const known = kinds.get(`${apiVersion} ${kind}`)
      if (known !== undefined) return known
      const served = parseGroupVersion(apiVersion)
      const document = await client.raw('GET', groupVersionPath(served))
      const resources = parseResourceList(served.group, served.version, document)
      const found = resources.find((resource) => resource.kind === kind)
      if (found === undefined)
        throw new Error(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`)
      kinds.set(`${apiVersion} ${kind}`, found)
      return found
    }
    const targetRef = async ({ apiVersion = '', kind }: Spec['scaleTargetRef']): Promise<ResourceRef<Scale>> => {
      const { group, version, resource, namespaced } = await resourceOf(apiVersion, kind)
      return resourceRef<Scale>({ group, version, resource, kind, namespaced })
    }

    const podsOf = (namespace: string, selector: string): Pod[] => {
      const matches = parseLabelSelector(selector)
      return podCache.lister.byNamespace(namespace).filter((pod) => matches(labelsOf(pod)))
    }
    const rivalsOf = (key: string, namespace: string, selector: string): string[] => {
      const pods = podsOf(namespace, selector)
      const others = [...selectors].filter(([other, otherSelector]) => {
        if (other === key || !other.startsWith(`${namespace}/`)) return false
        const matches = parseLabelSelector(otherSelector)
        return pods.some((pod) => matches(labelsOf(pod)))
      })
      return others.length === 0 ? [] : [key, ...others.map(([other]) => other)].sort()
    }

    const calculationOf = (behavior: Behavior | undefined): Calculation => {
      const otherwise = config['horizontal-pod-autoscaler-tolerance']
      return {
        tolerances: {
          up: toleranceOf(behavior?.scaleUp?.tolerance, otherwise),
          down: toleranceOf(behavior?.scaleDown?.tolerance, otherwise),
        },
        cpuInitializationMs: config['horizontal-pod-autoscaler-cpu-initialization-period'],
        initialReadinessDelayMs: config['horizontal-pod-autoscaler-initial-readiness-delay'],
        nowMs: clock.now(),
      }
    }

    const measureOf = async (object: HorizontalPodAutoscaler, scale: Scale, conditions: Conditions) => {
      const key = keyOf(object)
      const namespace = namespaceOf(object)
      const selector = scale.status?.selector ?? ''
      const usable = isSelector(selector)
      if (usable) selectors.set(key, selector)
      const target = {
        namespace,
        specReplicas: scale.spec?.replicas ?? 0,
        statusReplicas: scale.status?.replicas ?? 0,
        selector,
        pods: usable ? podsOf(namespace, selector) : [],
      }
      const sources = { client: metricsClient, resourceOf, calculation: calculationOf(object.spec?.behavior) }
      return measure({
        scale,
        metrics: object.spec?.metrics ?? [],
        conditions,
        propose: (metric) => propose(metric, target, sources),
        rivals: usable ? rivalsOf(key, namespace, selector) : [],
      })
    }

    /** Remembers a change of size for the rates of `behavior`. */
    const withChange = (history: History, change: number): History => {
      const event = { change: Math.abs(change), atMs: clock.now() }
      return change > 0
        ? { ...history, ups: [...history.ups, event] }
        : { ...history, downs: [...history.downs, event] }
    }

    const writeStatus = async (object: HorizontalPodAutoscaler, status: Status): Promise<void> => {
      if (sameStatus(object.status, status)) return
      await client.update(horizontalPodAutoscalers, { ...object, status }, { subresource: 'status' })
    }

    const resize = async (
      object: HorizontalPodAutoscaler,
      ref: ResourceRef<Scale>,
      scale: Scale,
      { replicas, reason = '' }: Decision,
      conditions: Conditions,
    ): Promise<void> => {
      try {
        const wanted = { ...scale, spec: { ...scale.spec, replicas } }
        await client.update(ref, wanted, { subresource: 'scale' })
      } catch (error) {
        const message = messageOf(error)
        events.event(object, 'Warning', 'FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${message}`)
        conditions.set(
          'AbleToScale',
          false,
          'FailedUpdateScale',
          `the HPA controller was unable to update the target scale: ${message}`,
        )
        throw error
      }
      const done = `the HPA controller was able to update the target scale to ${replicas}`
      conditions.set('AbleToScale', true, 'SucceededRescale', done)
      events.event(object, 'Normal', 'SuccessfulRescale', `New size: ${replicas}; reason: ${reason}`)
    }

    const look = async (object: HorizontalPodAutoscaler): Promise<void> => {
      const { spec, status } = object
      if (spec === undefined) return
      const key = keyOf(object)
      const now = nowRfc3339(clock.now())
      const conditions = new Conditions(status?.conditions, now)
      const statusNow = (more: Partial<Status>): Status => ({
        ...(status?.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
        currentReplicas: status?.currentReplicas ?? 0,
        desiredReplicas: status?.desiredReplicas ?? 0,
        ...more,
        conditions: conditions.list,
      })
      let ref: ResourceRef<Scale>
      let scale: Scale
      try {
        ref = await targetRef(spec.scaleTargetRef)
        scale = await client.get(ref, spec.scaleTargetRef.name, namespaceOf(object), { subresource: 'scale' })
      } catch (error) {
        const message = messageOf(error)
        events.event(object, 'Warning', 'FailedGetScale', message)
        const why = `the HPA controller was unable to get the target's current scale: ${message}`
        conditions.set('AbleToScale', false, 'FailedGetScale', why)
        await writeStatus(object, statusNow({}))
        if (!isReason(error, 'NotFound')) throw error
        return
      }
      const got = "the HPA controller was able to get the target's current scale"
      conditions.set('AbleToScale', true, 'SucceededGetScale', got)
      const current = scale.spec?.replicas ?? 0
      const decision = await decide({
        spec,
        current,
        history: histories.get(key),
        conditions,
        measure: () => measureOf(object, scale, conditions),
        downWindowMs,
        nowMs: clock.now(),
      })
      let history = decision.history
      for (const { reason, message } of decision.warnings) events.event(object, 'Warning', reason, message)
      const numbers = {
        currentReplicas: current,
        currentMetrics: [...decision.statuses] as Status['currentMetrics'] & object[],
      }
      if (decision.error !== undefined) {
        events.event(object, 'Warning', 'FailedComputeMetricsReplicas', decision.error)
        histories.set(key, history)
        await writeStatus(object, statusNow({ ...numbers, desiredReplicas: status?.desiredReplicas ?? 0 }))
        return
      }
      if (decision.reason === undefined) {
        histories.set(key, trimmed(history, spec.behavior, downWindowMs, clock.now()))
        await writeStatus(object, statusNow({ ...numbers, desiredReplicas: current }))
        return
      }
      try {
        await resize(object, ref, scale, decision, conditions)
      } catch (error) {
        await writeStatus(object, statusNow({ ...numbers, desiredReplicas: current }))
        throw error
      }
      history = withChange(history, decision.replicas - current)
      histories.set(key, trimmed(history, spec.behavior, downWindowMs, clock.now()))
      await writeStatus(object, statusNow({ ...numbers, desiredReplicas: decision.replicas, lastScaleTime: now }))
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const object = autoscalers.lister.get(key)
      if (object === undefined) return undefined
      try {
        await look(object)
      } catch (error) {
        // The next look comes as soon as any: failing is no reason to look more often.
        if (!isReason(error, 'Conflict', 'NotFound')) context.log.warn({ err: error, key }, 'cannot scale')
      }
      return { requeueAfterMs: periodMs }
    }
    return workersOf(context, {
      name,
      queue,
      concurrency: config['concurrent-horizontal-pod-autoscaler-syncs'],
      reconcile,
    })
  },
}

const isSelector = (text: string): boolean => {
  if (text === '') return false
  try {
    parseLabelSelector(text)
    return true
  } catch {
    return false
  }
}
