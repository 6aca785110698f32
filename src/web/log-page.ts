/** `/log`: the current checkpoint, and how to check the log without us. */
import { isCoded } from '../../ca/errors.ts'
import type { RouteDefinition } from '../http/route.ts'
import { type Html, html } from './html.ts'
import type { Institution } from './institution.ts'
import { pageRoute } from './page.ts'
import type { PageView } from './view.ts'

export interface LogPageDeps {
  readonly institution: Institution
  readonly baseUrl: string
  readonly log: {
    /** Key of the log as C2SP signed-note writes it: `name+hash+base64`. */
    readonly verifierKey: string
    /** The current signed note (C2SP tlog-checkpoint). @throws LOG_CHECKPOINT_MISSING while there is none */
    readonly checkpoint: () => Promise<string>
  }
}

interface CheckpointFacts {
  readonly origin: string
  readonly size: string
  readonly rootBase64: string
}

/** First three lines of a checkpoint; undefined for what is none. */
function readCheckpointFacts(text: string): CheckpointFacts | undefined {
  const [origin, size, rootBase64] = text.split('\n')
  if (!origin || !size || !rootBase64 || !/^(0|[1-9]\d*)$/.test(size)) return undefined
  return { origin, size, rootBase64 }
}

/** The first tile of the tree, under the name that it has until 256 entries fill it; undefined for an empty log. */
function firstTilePath(text: string | undefined): string | undefined {
  const size = Number((text === undefined ? undefined : readCheckpointFacts(text))?.size ?? 0)
  if (size === 0) return undefined
  return size < 256 ? `/log/tile/0/000.p/${size}` : '/log/tile/0/000'
}

function current(view: PageView, text: string | undefined): Html {
  const { say } = view
  const facts = text === undefined ? undefined : readCheckpointFacts(text)
  if (text === undefined || !facts)
    return html`<p>${say('目前没有检查点。', 'There is no checkpoint at the moment.')}</p>`
  return html`<dl class="facts">
      <dt>${say('日志名称', 'Log')}</dt>
      <dd>${facts.origin}</dd>
      <dt>${say('记录数', 'Records')}</dt>
      <dd>${Number(facts.size).toLocaleString('en')}</dd>
      <dt>${say('Merkle 树根', 'Root of the tree')}</dt>
      <dd><span class="mono">${facts.rootBase64}</span></dd>
    </dl>
    <pre tabindex="0"><code>${text}</code></pre>`
}

function checks({ say }: PageView, deps: LogPageDeps): Html {
  return html`
    <h2>${say('不经过我们，怎样核对', 'How to check it without us')}</h2>
    <ol>
      <li>
        ${say(
          '保存检查点。以后任何时候取得的检查点，都必须能由它一致地延伸而来；做不到，就证明历史被改过。',
          'Keep a checkpoint. Every later one must be an extension of it; if it is not, the history was changed and you hold the proof.',
        )}
      </li>
      <li>
        ${say('用日志公钥验证检查点的签名：', 'Verify the signature of the checkpoint with the key of the log:')}
        <pre tabindex="0"><code>${deps.log.verifierKey}</code></pre>
      </li>
      <li>
        ${say(
          '下载数据块，自行重算树根。格式是 C2SP tlog-tiles，任何兼容的软件都能读取。',
          'Download the tiles and compute the root yourself. The format is C2SP tlog-tiles; any software that knows it can read them.',
        )}
        <pre tabindex="0"><code>curl ${deps.baseUrl}/log/checkpoint
curl ${deps.baseUrl}/log/tile/0/000 | xxd -p -c 32   ${say('# 前 256 条记录的哈希', '# hashes of the first 256 records')}
curl ${deps.baseUrl}/log/tile/0/000.p/N              ${say('# 尚未写满的块，N 为条数', '# a tile that is not full yet, N entries')}</code></pre>
      </li>
      <li>
        ${say(
          '核对回执（c2sp.org/tlog-proof@v1）可完全离线：回执含记录位置、路径与检查点。',
          'A receipt (c2sp.org/tlog-proof@v1) is checked offline: it holds the index, the path and the checkpoint.',
        )}
      </li>
    </ol>
    <p class="soft">
      ${say(
        '日志证明某条记录曾经存在且未被改动，不证明记录内容本身属实。个人信息只以加盐哈希出现。',
        'The log proves that a record was there and is unchanged, not that what it says is true. Personal data is there as salted hashes only.',
      )}
    </p>
  `
}

async function findCheckpoint({ log }: LogPageDeps): Promise<string | undefined> {
  try {
    return await log.checkpoint()
  } catch (error) {
    if (isCoded(error, 'LOG_CHECKPOINT_MISSING')) return undefined
    throw error
  }
}

export const logRoute = (deps: LogPageDeps): RouteDefinition =>
  pageRoute(deps.institution, {
    path: '/log',
    operationId: 'logPage',
    summary: 'The log: current checkpoint and how to check it',
    render: async (view) => {
      const checkpoint = await findCheckpoint(deps)
      const tile = firstTilePath(checkpoint)
      return {
        title: view.say('公开日志', 'Public log'),
        main: html`
          <h1>${view.say('公开日志', 'Public log')}</h1>
          <p class="lead">
            ${view.say(
              '每一次签发、签名、吊销和验证都是 Merkle 树上的一片叶子。任何人都可以保存检查点；谁保存了，就能发现它所涵盖的记录后来是否被改写。',
              'Every issuance, signature, revocation and verification is a leaf of a Merkle tree. Anybody can keep a checkpoint, and whoever keeps one can tell whether the history up to it was rewritten later.',
            )}
          </p>
          <p class="actions">
            <a class="button quiet" href="/log/checkpoint"
              >${view.say('下载检查点', 'Download the checkpoint')}</a
            >
            ${tile === undefined ? '' : html`<a class="button quiet" href="${tile}">${view.say('第一块数据', 'First tile')}</a>`}
          </p>
          ${current(view, checkpoint)} ${checks(view, deps)}
        `,
      }
    },
  })
