/** Every resource that discovery tells of, through every verb that it advertises. */
import { describeAnswered } from './matrix/answered.ts'
import { describeDiscovery } from './matrix/discovery.ts'
import { describeRows } from './matrix/every-resource.ts'
import { describeInvalidObjects } from './matrix/invalid-objects.ts'
import { describeMethods } from './matrix/methods.ts'
import { useMatrix } from './matrix/running.ts'
import { describeSelectableFields } from './matrix/selectable-fields.ts'
import { describeSubresources } from './matrix/subresources.ts'

const running = useMatrix()

describeDiscovery(running)
describeMethods(running)
describeAnswered(running)
describeRows(running)
describeSubresources(running)
describeSelectableFields(running)
describeInvalidObjects(running)
