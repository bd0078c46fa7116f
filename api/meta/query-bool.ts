/**
 * A boolean of a query: present and neither `0` nor `false`, in any case. Python writes `True` and `False`.
 * Upstream: Convert_Slice_string_To_bool in k8s.io/apimachinery/pkg/runtime/conversion.go
 */
export const queryBool = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name)
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}
