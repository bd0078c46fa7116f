/** etcd v3.5's v3lockpb and v3electionpb messages, and the methods of both services. */
import { serverStream, unary } from '../grpc/method.ts'
import { message, type OutputOf } from '../protobuf/message.ts'
import { KeyValue, ResponseHeader } from './messages.ts'

export const LockRequest = message('v3lockpb.LockRequest', { name: [1, 'bytes'], lease: [2, 'int64big'] })
export const LockResponse = message('v3lockpb.LockResponse', { header: [1, ResponseHeader], key: [2, 'bytes'] })
export const UnlockRequest = message('v3lockpb.UnlockRequest', { key: [1, 'bytes'] })
export const UnlockResponse = message('v3lockpb.UnlockResponse', { header: [1, ResponseHeader] })

export const CampaignRequest = message('v3electionpb.CampaignRequest', {
  name: [1, 'bytes'],
  lease: [2, 'int64big'],
  value: [3, 'bytes'],
})
export const LeaderKey = message('v3electionpb.LeaderKey', {
  name: [1, 'bytes'],
  key: [2, 'bytes'],
  rev: [3, 'int64'],
  lease: [4, 'int64big'],
})
export type LeaderKey = OutputOf<typeof LeaderKey>
export const CampaignResponse = message('v3electionpb.CampaignResponse', {
  header: [1, ResponseHeader],
  leader: [2, LeaderKey],
})
export const LeaderRequest = message('v3electionpb.LeaderRequest', { name: [1, 'bytes'] })
export const LeaderResponse = message('v3electionpb.LeaderResponse', { header: [1, ResponseHeader], kv: [2, KeyValue] })
export const ResignRequest = message('v3electionpb.ResignRequest', { leader: [1, LeaderKey] })
export const ResignResponse = message('v3electionpb.ResignResponse', { header: [1, ResponseHeader] })
export const ProclaimRequest = message('v3electionpb.ProclaimRequest', { leader: [1, LeaderKey], value: [2, 'bytes'] })
export const ProclaimResponse = message('v3electionpb.ProclaimResponse', { header: [1, ResponseHeader] })

export const lock = {
  lock: unary('/v3lockpb.Lock/Lock', LockRequest, LockResponse),
  unlock: unary('/v3lockpb.Lock/Unlock', UnlockRequest, UnlockResponse),
} as const

export const election = {
  campaign: unary('/v3electionpb.Election/Campaign', CampaignRequest, CampaignResponse),
  proclaim: unary('/v3electionpb.Election/Proclaim', ProclaimRequest, ProclaimResponse),
  leader: unary('/v3electionpb.Election/Leader', LeaderRequest, LeaderResponse),
  observe: serverStream('/v3electionpb.Election/Observe', LeaderRequest, LeaderResponse),
  resign: unary('/v3electionpb.Election/Resign', ResignRequest, ResignResponse),
} as const
