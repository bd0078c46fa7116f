/** Where a restore writes, in the data directory; it is `member` when all is there. */
export const restoringName = 'member.restoring'
