/** `npm run cis` on a cluster as it comes, and on one that is weakened in one place after the other. */
import { describeWhole } from './cis/whole.ts'
import { describeFiles } from './cis/files.ts'
import { describeFlags } from './cis/flags.ts'
import { describeObjects } from './cis/objects.ts'
import { describeWeakened } from './cis/weakened.ts'
import { useCluster } from '../harness/use-cluster.ts'

const running = useCluster({ nodes: 1 })

describeWhole(running)
describeFiles(running)
describeFlags(running)
describeObjects(running)
// Last: it starts components with other settings.
describeWeakened(running)
