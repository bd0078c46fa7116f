/**
 * GET /logs/…: files and folders of /var/log. Upstream: Kubelet.ServeLogs, Go's http.FileServer; other than that, links
 * out of the folder are not followed, since Pods that may write there could make them.
 */
import type { ServerResponse } from 'node:http'
import { constants } from 'node:fs'
import { type FileHandle, open, readdir } from 'node:fs/promises'
import { normalize } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openInside, OutsideError, placeOf } from '../open-inside.ts'
import { HttpError, type KubeletRequest } from './http.ts'

const notFound = (): HttpError => new HttpError(404, '404 page not found\n')

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' }
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (char) => escapes[char] ?? char)

const openLog = async (folder: string, path: string): Promise<FileHandle> => {
  try {
    return await openInside(folder, path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof OutsideError || code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') {
      throw notFound()
    }
    throw error
  }
}

const redirect = (response: ServerResponse, location: string): void => {
  response.writeHead(301, { Location: location }).end()
}

const sendListing = async (handle: FileHandle, response: ServerResponse): Promise<void> => {
  const entries = await readdir(placeOf(handle), { withFileTypes: true })
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  const lines = names.map((name) => {
    const link = name.split('/').map(encodeURIComponent).join('/')
    return `<a href="${escapeHtml(link)}">${escapeHtml(name)}</a>\n`
  })
  response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
  response.end(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`)
}

/** A log grows while it is sent: what was in it when it was opened is what is sent. */
const sendFile = async (handle: FileHandle, response: ServerResponse): Promise<void> => {
  const { size, mtime } = await handle.stat()
  await using file = await open(placeOf(handle), constants.O_RDONLY)
  response.writeHead(200, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': size,
    'Last-Modified': mtime.toUTCString(),
    'X-Content-Type-Options': 'nosniff',
  })
  if (size === 0) response.end()
  else await pipeline(file.createReadStream({ start: 0, end: size - 1, autoClose: false }), response)
}

export const nodeLogs = async (
  { request, path, segments }: KubeletRequest,
  response: ServerResponse,
  folder = '/var/log',
): Promise<void> => {
  if (request.method !== 'GET') throw new HttpError(405, 'method not allowed')
  const below = segments.slice(1).join('/')
  if (below.includes('\0')) throw notFound()
  await using handle = await openLog(folder, normalize(`/${below}`).slice(1))
  const stat = await handle.stat()
  const last = path.replace(/\/+$/, '').split('/').at(-1) ?? ''
  if (stat.isDirectory()) {
    if (!path.endsWith('/')) return redirect(response, `${last}/`)
    return await sendListing(handle, response)
  }
  if (path.endsWith('/')) return redirect(response, `../${last}`)
  // Neither pipes nor devices: reading them is not looking at a log.
  if (!stat.isFile()) throw notFound()
  return await sendFile(handle, response)
}
