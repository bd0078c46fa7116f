/** Every resource that discovery tells of, through every verb that it advertises. */
import { describeDiscovery } from './matrix/discovery.ts'
import { describeRows } from './matrix/every-resource.ts'
import { describeInvalidObjects } from './matrix/invalid-objects.ts'
import { useMatrix } from './matrix/running.ts'
import { describeSelectableFields } from './matrix/selectable-fields.ts'

const running = useMatrix()

describeDiscovery(running)
describeRows(running)
describeSelectableFields(running)
describeInvalidObjects(running)
