/**
 * What we use of node:http. Importing that module the usual way reads all its exports, and some of them are getters
 * that load Node's own undici: 14 MB and 20 ms in every process, for a WebSocket that nobody asked for.
 */
export const { Agent, createServer, request, ServerResponse, STATUS_CODES } = process.getBuiltinModule('node:http')
