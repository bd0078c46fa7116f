/**
 * The metric types of prom-client. Its index would also load support for clusters of processes, a push gateway and
 * OpenTelemetry: 18 MB in every process.
 */
export { default as Counter } from 'prom-client/lib/counter.js'
export { default as Gauge } from 'prom-client/lib/gauge.js'
export { default as Histogram } from 'prom-client/lib/histogram.js'
export { default as Registry } from 'prom-client/lib/registry.js'
