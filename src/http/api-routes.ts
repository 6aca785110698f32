/** Every route of the API and the protocols, in the order of the reference. */
import type { Services } from '../services/services.ts'
import type { RouteDefinition } from './route.ts'
import { certificateBatchRoutes } from './routes/certificate-batch.ts'
import { certificateBulkRoutes } from './routes/certificate-bulk.ts'
import { certificateRoutes } from './routes/certificates.ts'
import { eventSignatureRoutes } from './routes/event-signatures.ts'
import { identityEvidenceRoutes } from './routes/identity-evidence.ts'
import { keyRoutes } from './routes/keys.ts'
import { logRoutes } from './routes/log.ts'
import { protocolRoutes } from './routes/protocols.ts'
import { signatureRoutes } from './routes/signatures.ts'
import { statisticsRoutes } from './routes/statistics.ts'
import { tenantRoutes } from './routes/tenants.ts'
import { verificationRoutes } from './routes/verifications.ts'

export const apiRoutes = (services: Services): readonly RouteDefinition[] => [
  ...signatureRoutes(services),
  ...eventSignatureRoutes(services),
  ...verificationRoutes(services),
  ...certificateBatchRoutes(services),
  ...certificateBulkRoutes(services),
  ...certificateRoutes(services),
  ...identityEvidenceRoutes(services),
  ...keyRoutes(services),
  ...tenantRoutes(services),
  ...statisticsRoutes(services),
  ...logRoutes(services),
  ...protocolRoutes(services),
]
