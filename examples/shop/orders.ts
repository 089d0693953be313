import { z } from "zod";
import type { Within } from "@jobd/jobd";
import { type Database, openDatabase } from "./database.ts";

/** What a customer sends to place an order. */
export const NewOrder = z.object({
  customer: z.email(),
  items: z.array(z.object({ name: z.string().min(1), cents: z.int().positive() })).min(1),
});
export type NewOrder = z.infer<typeof NewOrder>;

/** An order as it is stored; it has a parcel once it was shipped. */
export interface Order extends NewOrder {
  id: string;
  parcel: string | null;
}

/** The orders of the shop. */
export class Orders implements AsyncDisposable {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  static async open(url: string): Promise<Orders> {
    const database = openDatabase(url);
    await database.query(
      "create table if not exists shop_order (id text primary key, customer text not null, items text not null, parcel text)",
    );
    return new Orders(database);
  }

  /** Stores an order together with the jobs that `enqueue` makes for it. */
  async place(
    { customer, items }: NewOrder,
    enqueue: (order: Order, within: Within) => Promise<unknown>,
  ): Promise<Order> {
    const order = { id: crypto.randomUUID(), customer, items, parcel: null };
    await this.#database.together(
      (query) =>
        query("insert into shop_order (id, customer, items) values ($1, $2, $3)", [
          order.id,
          customer,
          JSON.stringify(items),
        ]),
      (within) => enqueue(order, within),
    );
    return order;
  }

  async get(id: string): Promise<Order | undefined> {
    const [row] = await this.#database.query("select * from shop_order where id = $1", [id]);
    return row === undefined ? undefined : { ...row, items: JSON.parse(String(row["items"])) } as Order;
  }

  /** Notes that an order was shipped; doing it twice is the same as doing it once. */
  async shipped(id: string, parcel: string): Promise<void> {
    await this.#database.query("update shop_order set parcel = $1 where id = $2", [parcel, id]);
  }

  /** Everybody who has ever ordered. */
  async customers(): Promise<string[]> {
    const rows = await this.#database.query("select distinct customer from shop_order order by customer");
    return rows.map(({ customer }) => String(customer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }
}
