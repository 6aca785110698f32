/** The pages in a real browser: dragging, keyboard, phone, both languages, no script, no errors on the console. */
import test, { type ExecutionContext } from 'ava'
import { type Browser, type BrowserContextOptions, type Page, chromium } from 'playwright-core'
import { findTool, requireTool } from '../test/judges.ts'
import { type ServedPages, servePages, testPageDeps } from './testing/serve-pages.ts'
import { answerOf, verificationOf } from './testing/reports.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const deps = testPageDeps((input) => {
  const word = new TextDecoder().decode(input.document)
  if (word === 'locked') {
    if (input.password === 'right') return verificationOf('passed', input.fileName)
    return answerOf(input.password === undefined ? 'DOCUMENT_ENCRYPTED' : 'DOCUMENT_PASSWORD_WRONG')
  }
  if (word === 'picture') return answerOf('PICTURE_OF_A_SEAL')
  if (word === 'p7s') return input.content ? verificationOf('passed', 'both') : answerOf('CONTENT_MISSING')
  return verificationOf(word === 'good' ? 'passed' : 'mixed', input.fileName)
})

let served: ServedPages
let browser: Browser | undefined
test.before(async () => {
  served = await servePages(deps)
  const executablePath = findTool('chromium')
  if (executablePath !== undefined) browser = await chromium.launch({ executablePath, args: FLAGS })
})
test.after.always(async () => {
  await browser?.close()
  await served.close()
})

/** Runs a test on a page of its own, and requires that the console stays silent. */
function inBrowser(
  name: string,
  options: BrowserContextOptions,
  run: (t: ExecutionContext, page: Page) => Promise<void>,
  // Chromium itself writes a line for an answer with an error status.
  expected = /^$/,
): void {
  test.serial(name, async (t) => {
    if (!requireTool(t, 'chromium') || !browser) return
    const context = await browser.newContext({ viewport: { width: 1000, height: 740 }, ...options })
    const noise: string[] = []
    try {
      const page = await context.newPage()
      page.on('console', (message) => noise.push(message.text()))
      page.on('pageerror', (error) => noise.push(error.message))
      await run(t, page)
      t.deepEqual(
        noise.filter((line) => !expected.test(line)),
        [],
        'console',
      )
    } finally {
      await context.close()
    }
  })
}

const file = (name: string, text: string) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: Buffer.from(text),
})

async function dropFiles(page: Page, files: [string, string][]): Promise<void> {
  const dataTransfer = await page.evaluateHandle(`(() => {
    const made = new DataTransfer()
    for (const [name, text] of ${JSON.stringify(files)}) made.items.add(new File([text], name))
    return made
  })()`)
  for (const type of ['dragover', 'drop']) await page.dispatchEvent('h1', type, { dataTransfer })
}

const verdict = (page: Page): Promise<string> => page.locator('#verdict').innerText()
// Expressions run in the page, whose types (DOM) the project does not load.
const overflow = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
const focused = (page: Page, property: 'id' | 'className' | 'tagName'): Promise<string> =>
  page.evaluate(`document.activeElement.${property}`)
const unfoldAll = (page: Page): Promise<void> =>
  page.evaluate(`document.querySelectorAll('details').forEach((part) => { part.open = true })`)

inBrowser('drop a file: the verdict appears and has the focus', {}, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=en`)
  await dropFiles(page, [['contract.pdf', 'good']])
  await page.waitForSelector('#verdict')
  t.regex(await verdict(page), /Passed/)
  t.is(await focused(page, 'id'), 'verdict')
  t.false(await page.locator('progress').isVisible())
  await dropFiles(page, [['altered.pdf', 'bad']])
  await page.waitForSelector('.fail #verdict')
  t.is(await page.locator('#result').count(), 1)
})

inBrowser('drop a signature and its file together, or one after the other', {}, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=en`)
  await dropFiles(page, [
    ['a.txt', 'words'],
    ['a.p7s', 'p7s'],
  ])
  await page.waitForSelector('.pass #verdict')
  await page.goto(`${served.url}/verify?lang=en`)
  await dropFiles(page, [['a.p7s', 'p7s']])
  await page.waitForSelector('.unknown #verdict')
  t.regex(await verdict(page), /The file that was signed is missing/)
  await dropFiles(page, [['a.txt', 'words']])
  await page.waitForSelector('.pass #verdict')
})

inBrowser('a picture of a seal gets its own answer, in Chinese', { locale: 'zh-CN' }, async (t, page) => {
  await page.goto(`${served.url}/verify`)
  await page.setInputFiles('#document', file('seal.pdf', 'picture'))
  await page.click('button')
  await page.waitForSelector('#verdict')
  t.regex(await verdict(page), /只有图像，没有电子签名/)
})

inBrowser(
  'a file that is too large is told so, not lost',
  {},
  async (t, page) => {
    await page.goto(`${served.url}/verify?lang=en`)
    await page.setInputFiles('#document', file('big.pdf', 'x'.repeat(6_500_000)))
    await page.click('button')
    await page.waitForSelector('#verdict')
    t.regex(await verdict(page), /too large/)
    t.true(await page.locator('button').isEnabled())
  },
  /^Failed to load resource: .* 413 /,
)

for (const path of ['/', '/verify', '/docs', '/problems', '/cps', '/cps/cp', '/cps/tsa', '/log'])
  for (const lang of ['zh', 'en'])
    inBrowser(
      `phone: ${path} in ${lang} needs no sideways scrolling`,
      { viewport: { width: 360, height: 740 } },
      async (t, page) => {
        await page.goto(`${served.url}${path}?lang=${lang}`)
        await unfoldAll(page)
        t.true((await overflow(page)) <= 0)
      },
    )

for (const lang of ['zh', 'en'])
  inBrowser(
    `phone: a verdict in ${lang} needs no sideways scrolling`,
    { viewport: { width: 360, height: 740 } },
    async (t, page) => {
      await page.goto(`${served.url}/verify?lang=${lang}`)
      await page.setInputFiles('#document', file(`${'long-name-'.repeat(20)}.pdf`, 'bad'))
      await page.click('button')
      await page.waitForSelector('#verdict')
      await unfoldAll(page)
      t.true((await overflow(page)) <= 0)
      t.is(await page.locator('#result section').count(), 4)
    },
  )

inBrowser('with the keyboard alone: skip link, choose, verify, unfold', {}, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=en`)
  await page.keyboard.press('Tab')
  t.is(await focused(page, 'className'), 'skip')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  t.is(await focused(page, 'id'), 'document')
  await page.setInputFiles('#document', file('a.pdf', 'good'))
  await page.locator('#document').focus()
  await page.keyboard.press('Tab')
  t.is(await focused(page, 'tagName'), 'SUMMARY')
  await page.keyboard.press('Tab')
  t.is(await focused(page, 'tagName'), 'BUTTON')
  await page.keyboard.press('Enter')
  await page.waitForSelector('.pass #verdict')
  await page.locator('#result summary').first().focus()
  await page.keyboard.press('Enter')
  t.true(await page.evaluate('document.querySelector("#result details").open'))
})

inBrowser('the switch changes the language and keeps the page', {}, async (t, page) => {
  await page.goto(`${served.url}/cps/tsa?lang=zh`)
  await page.click('.language')
  await page.waitForURL(/\/cps\/tsa\?lang=en$/)
  t.is(await page.locator('html').getAttribute('lang'), 'en')
  await page.click('nav a >> nth=0')
  t.is(await page.locator('html').getAttribute('lang'), 'en')
})

inBrowser('without JavaScript the form works the same', { javaScriptEnabled: false }, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=en`)
  t.false(await page.locator('.only-script').isVisible())
  await page.setInputFiles('#document', file('a.pdf', 'bad'))
  await page.click('button')
  await page.waitForSelector('#verdict')
  t.regex(await verdict(page), /Failed/)
  t.is(await page.locator('#result section').count(), 4)
})

for (const javaScriptEnabled of [true, false])
  inBrowser(
    `an encrypted file is asked its password, ${javaScriptEnabled ? 'with' : 'without'} JavaScript`,
    { javaScriptEnabled },
    async (t, page) => {
      const send = async (words: RegExp, password?: string): Promise<void> => {
        // Without a script the page is new, and a browser does not keep a chosen file.
        if (!javaScriptEnabled || password === undefined)
          await page.setInputFiles('#document', file('a.pdf', 'locked'))
        if (password !== undefined) await page.fill('#password', password)
        await page.click('button')
        await page.locator('#verdict', { hasText: words }).waitFor()
      }
      await page.goto(`${served.url}/verify?lang=en`)
      t.false(await page.locator('#password').isVisible())
      await send(/needs its password/)
      t.true(await page.locator('#password').isVisible())
      await send(/password is not right/, 'wrong')
      t.is(await page.locator('#password').inputValue(), '')
      await send(/Passed/, 'right')
      t.false(await page.locator('#password').isVisible())
      t.false((await page.content()).includes('right'))
    },
  )

inBrowser('dark: text stays readable on every ground', { colorScheme: 'dark' }, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=en`)
  await page.setInputFiles('#document', file('a.pdf', 'bad'))
  await page.click('button')
  await page.waitForSelector('#verdict')
  t.deepEqual(await lowContrast(page), [])
})

inBrowser('light: text stays readable on every ground', { colorScheme: 'light' }, async (t, page) => {
  await page.goto(`${served.url}/verify?lang=zh`)
  await page.setInputFiles('#document', file('a.pdf', 'bad'))
  await page.click('button')
  await page.waitForSelector('#verdict')
  t.deepEqual(await lowContrast(page), [])
})

/** Texts below 4.5 : 1 against the ground that they stand on (WCAG 2.2, 1.4.3). */
const lowContrast = (page: Page): Promise<string[]> =>
  page.evaluate(`(() => {
    const channels = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number)
    const light = (colour) => {
      const [r, g, b] = colour.map((value) => {
        const part = value / 255
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
      })
      return 0.2126 * r + 0.7152 * g + 0.0722 * b
    }
    const ground = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = channels(getComputedStyle(at).backgroundColor)
        if (colour.length === 3 || colour[3] !== 0) return colour
      }
      return [255, 255, 255]
    }
    const low = []
    for (const element of document.querySelectorAll('body *')) {
      const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim())
      if (!own || element.closest('[hidden]')) continue
      const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))]
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
      if (ratio < 4.5) low.push(element.tagName + ' ' + ratio.toFixed(1) + ' ' + element.textContent.trim().slice(0, 30))
    }
    return low
  })()`)
