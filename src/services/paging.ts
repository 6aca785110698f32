/** Pages as the API shows them. */

export interface Paging {
  readonly cursor?: string
  readonly limit?: number
}

export interface PageView<T> {
  readonly items: readonly T[]
  /** Cursor of the next page; absent on the last. */
  readonly next?: string
}

/** Shows a page of the store. */
export function pageOf<Row, View>(
  page: { readonly items: readonly Row[]; readonly nextCursor: string | null },
  view: (row: Row) => View,
): PageView<View> {
  return { items: page.items.map(view), ...(page.nextCursor === null ? {} : { next: page.nextCursor }) }
}
