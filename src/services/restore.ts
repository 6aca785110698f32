/** Whether a backup may be used: it must be whole, and not older than what was published from it (check 48). */
export { type BackupFacts, checkRestore } from '../store/backup.ts'
