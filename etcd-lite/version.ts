/** The etcd whose API and behaviour this is: what clients are told. */
export const etcdVersion = '3.5.33'
export const etcdClusterVersion = '3.5.0'
