/** Images for tests, made from this machine's busybox: no registry can be reached. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** busybox with a shell and its applets; the command is `sh`. */
export const busyboxImage = 'kubets.test/busybox:1'
/** A web server on port 80 that answers with its Pod's name and the image's version. */
export const webImage = (version: 1 | 2): string => `kubets.test/web:${version}.1`

/** Runs as `app`, by name or as 1000; the image says that app is in group 50000, too. */
export const userImage = (user: 'app' | '1000'): string => `kubets.test/user:${user}`

/** All that ensureTestImages makes. */
export const testImages: readonly string[] = [
  busyboxImage,
  userImage('app'),
  userImage('1000'),
  webImage(1),
  webImage(2),
]

/** The shell stays as the first process, and ends when it is told to: the kernel would not end httpd in its place. */
const serve = (version: number): string =>
  `mkdir -p /tmp/www && echo "$(hostname) v${version}" > /tmp/www/index.html && httpd -f -p 80 -h /tmp/www & trap 'exit 0' TERM; wait`

const fillRoot = (root: string): void => {
  for (const directory of ['bin', 'tmp', 'etc', 'root', 'proc', 'sys', 'dev']) mkdirSync(join(root, directory))
  chmodSync(join(root, 'tmp'), 0o1777)
  copyFileSync('/bin/busybox', join(root, 'bin/busybox'))
  const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
  )
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\napp:x:1000:\nmore:x:50000:app\nnobody:x:65534:\n')
}

const exists = (image: string): boolean => {
  try {
    execFileSync('docker', ['image', 'inspect', image], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Makes the test images where Docker does not have them yet. */
export const ensureTestImages = (): void => {
  const wanted = new Map<string, string[]>([
    [busyboxImage, ['CMD ["sh"]']],
    [userImage('app'), ['USER app']],
    [userImage('1000'), ['USER 1000']],
    [webImage(1), [`CMD ${JSON.stringify(['sh', '-c', serve(1)])}`, 'EXPOSE 80']],
    [webImage(2), [`CMD ${JSON.stringify(['sh', '-c', serve(2)])}`, 'EXPOSE 80']],
  ])
  const missing = [...wanted].filter(([image]) => !exists(image))
  if (missing.length === 0) return
  const root = mkdtempSync(join(tmpdir(), 'kubets-image-'))
  try {
    fillRoot(root)
    const tar = execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 })
    for (const [image, changes] of missing) {
      const args = ['ENV PATH=/bin', ...changes].flatMap((change) => ['--change', change])
      execFileSync('docker', ['import', ...args, '-', image], { input: tar, stdio: ['pipe', 'ignore', 'inherit'] })
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}
