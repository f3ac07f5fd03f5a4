// Tables for a terminal. cli-table3 is loaded only when one is drawn: it costs start-up time.

/** Rows under a head, ruled; or without a head, for name and value pairs. Ends without a line end. */
export async function renderTable(
  rows: readonly (readonly string[])[],
  head: readonly string[] = [],
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    ...(head.length > 0 ? { head: [...head] } : {}),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push([...row]);
  return table.toString();
}
