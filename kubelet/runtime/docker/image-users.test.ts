import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { engineUser, firstFile, groupsOf, parseUsers, primaryGroupOf } from './image-users.ts'

const users = parseUsers(
  '# comment\nroot:x:0:0:root:/:/bin/sh\napp:x:1000:1001::/:/bin/sh\n+nis\n',
  'root:x:0:\napp:x:1001:\nmore:x:50:app,other\nothers:x:51:other\nbroken\n',
)

describe('users of an image', () => {
  it('are found by name and by number, with their groups', () => {
    assert.deepEqual(groupsOf(users, 'app'), [50])
    assert.deepEqual(groupsOf(users, '1000'), [50])
    assert.deepEqual(groupsOf(users, '77'), [])
    assert.equal(primaryGroupOf(users, '1000'), 1001)
    assert.equal(primaryGroupOf(users, '77'), 0)
  })

  it('are the engine’s affair as long as it does what is asked', async () => {
    const notRead = () => Promise.reject(new Error('read'))
    const merge = { supplementalGroups: [7], policy: 'Merge' } as const
    assert.deepEqual(await engineUser({ ...merge, user: '1000' }, notRead), { user: '1000', groups: [7] })
    assert.deepEqual(await engineUser({ ...merge, user: '' }, notRead), { user: '', groups: [7] })
    const strict = { supplementalGroups: [7], policy: 'Strict' } as const
    assert.deepEqual(await engineUser({ ...strict, user: '1:2' }, notRead), { user: '1:2', groups: [7] })
  })

  it('are looked up where the engine would forget or add groups', async () => {
    const read = async () => users
    assert.deepEqual(await engineUser({ user: '1000:9', supplementalGroups: [7, 50], policy: 'Merge' }, read), {
      user: '1000:9',
      groups: [7, 50],
    })
    assert.deepEqual(await engineUser({ user: 'app', supplementalGroups: [], policy: 'Strict' }, read), {
      user: 'app:1001',
      groups: [],
    })
    assert.deepEqual(await engineUser({ user: '', supplementalGroups: [], policy: 'Strict' }, read), {
      user: '0:0',
      groups: [],
    })
  })

  it('come from the first file of an archive, and only from a plain one', () => {
    const tar = (type: string, text: string): Buffer => {
      const header = Buffer.alloc(512)
      header.write(text.length.toString(8).padStart(11, '0'), 124)
      header.write(type, 156)
      return Buffer.concat([header, Buffer.from(text.padEnd(512, '\0')), Buffer.alloc(1024)])
    }
    assert.equal(firstFile(tar('0', 'root:x:0:0')), 'root:x:0:0')
    assert.equal(firstFile(tar('2', 'a link')), '')
    assert.equal(firstFile(Buffer.alloc(0)), '')
  })
})
