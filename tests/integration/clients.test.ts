/** Client libraries that others wrote, on a control plane: JavaScript's and Python's official ones. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeJavaScriptObjects } from './clients/javascript-objects.ts'
import { describeJavaScriptWatches } from './clients/javascript-watches.ts'
import { describePython } from './clients/python.ts'

const running = useCluster()

describeJavaScriptObjects(running)
describeJavaScriptWatches(running)
describePython(running)
