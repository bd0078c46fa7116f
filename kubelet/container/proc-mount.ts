/** What of /proc and /sys containers do not see, or do not change. Upstream: ConvertToRuntimeMaskedPaths. */
import { globSync } from 'node:fs'

export interface ProcMount {
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
}

/** The default, on this machine: heat tells what others compute. */
export const defaultProcMount = (): ProcMount => ({
  maskedPaths: [
    '/proc/asound',
    '/proc/acpi',
    '/proc/interrupts',
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/timer_list',
    '/proc/timer_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/sys/firmware',
    '/sys/devices/virtual/powercap',
    ...globSync('/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle').sort(),
  ],
  readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
})

export const unmasked: ProcMount = { maskedPaths: [], readonlyPaths: [] }
