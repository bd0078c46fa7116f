/** CustomResourceDefinitions and their objects, as users and operators meet them. */
import { useCluster } from '../harness/use-cluster.ts'
import { describeConversion } from './custom-resources/conversion.ts'
import { describeDefinitions } from './custom-resources/definitions.ts'
import { describeOpenApi } from './custom-resources/openapi.ts'
import { describeCustomObjects } from './custom-resources/objects.ts'

const running = useCluster()

describeDefinitions(running)
describeCustomObjects(running)
describeOpenApi(running)
describeConversion(running)
