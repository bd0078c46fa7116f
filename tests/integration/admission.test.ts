/** Admission as users meet it: Pod Security by labels, quotas under load, and plugins that change what is created. */
import { useCluster } from '../harness/use-cluster.ts'
import { describePodSecurity } from './admission/pod-security.ts'
import { describeQuota } from './admission/quota.ts'
import { describePlugins } from './admission/plugins.ts'
import { describePolicies } from './admission/policies.ts'

const running = useCluster()

describePodSecurity(running)
describeQuota(running)
describePlugins(running)
describePolicies(running)
