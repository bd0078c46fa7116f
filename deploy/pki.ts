/** The certificates and kubeconfigs of a cluster, under kubeadm's names. */
import { mkdirSync } from 'node:fs'
