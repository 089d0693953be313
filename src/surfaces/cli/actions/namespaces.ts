import type { Input } from "../command.ts";
import type { Context } from "../context.ts";
import { relative } from "../format.ts";
import { iso } from "../../views.ts";

/** `jobd namespaces` */
export async function listNamespaces(_: Input, context: Context): Promise<void> {
  const { out } = context;
  const jobd = await context.jobd();
  const namespaces = await jobd.namespaces.list();
  if (out.json) {
    out.document({ items: namespaces.map((one) => ({ ...one, createdAt: iso(one.createdAt) })) });
  } else if (namespaces.length === 0) out.note("No namespaces yet: one appears with its first job.");
  else {
    const now = jobd.now();
    out.table(
      [{ title: "NAMESPACE" }, { title: "QUEUES", align: "right" }, { title: "SINCE" }],
      namespaces.map(({ name, queues, createdAt }) => [name, String(queues), relative(createdAt, now)]),
    );
  }
}
