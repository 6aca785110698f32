/** Figures for the regulator, folded from the records and never from the tables. */
import { Type } from 'typebox'
import type { Services } from '../../services/services.ts'
import { type RouteDefinition, route } from '../route.ts'
import { closed } from '../schemas.ts'

const Day = Type.String({
  pattern: '^\\d{4}-\\d\\d-\\d\\d$',
  description: 'Day in Asia/Shanghai, YYYY-MM-DD',
  examples: ['2026-11-24'],
})
const Count = Type.Integer({ minimum: 0 })

const counts = {
  issued: Count,
  revoked: Count,
  suspended: Count,
  resumed: Count,
  expired: Type.Integer({
    minimum: 0,
    description:
      'Certificates whose validity ends in the period. A day that is not over counts to its end: an event ' +
      'certificate that ends later today is in it already',
  }),
  validAtEnd: Type.Integer({
    minimum: 0,
    description: 'Valid when the last day ends, as far as is known now',
  }),
  onHoldAtEnd: Type.Integer({
    minimum: 0,
    description: 'On hold when the last day ends, as far as is known now',
  }),
}
const Counts = Type.Object(counts, closed)
const Row = Type.Object(
  { class: Type.String(), profile: Type.String(), algorithm: Type.String(), ...counts },
  closed,
)

const FiguresSchema = Type.Object(
  {
    from: Day,
    to: Day,
    timeZone: Type.String(),
    size: Type.Integer({ minimum: 0, description: 'Log entries that went into the figures' }),
    totals: Counts,
    byClass: Type.Record(Type.String(), Counts),
    byAlgorithm: Type.Record(Type.String(), Counts),
    rows: Type.Array(Row),
    days: Type.Array(Type.Object({ day: Day, totals: Counts, rows: Type.Array(Row) }, closed)),
    revokedByGround: Type.Record(Type.String(), Count),
    activity: Type.Record(Type.String(), Count),
    anomalies: Count,
    checkpoint: Type.String({
      description: 'Signed checkpoint of the log of that size: recount from its entries',
    }),
  },
  closed,
)

export const statisticsRoutes = (services: Services): readonly RouteDefinition[] => [
  route({
    method: 'GET',
    path: '/v1/regulator/statistics',
    operationId: 'regulatorStatistics',
    tag: 'Regulator',
    summary: 'Issued, revoked and valid certificates by class, profile, algorithm and day',
    permission: 'statistics.read',
    query: Type.Object({ from: Day, to: Day }, closed),
    responses: { 200: { description: 'Figures', schema: FiguresSchema } },
    errors: ['STATISTICS_RANGE', 'LOG_CHECKPOINT_MISSING'],
    handler: async ({ query, caller }) => ({
      status: 200,
      json: await services.statistics.figures(caller, query.from, query.to),
    }),
  }),
]
