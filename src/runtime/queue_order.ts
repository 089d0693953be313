/** Which queues a worker serves: all, a list in order of preference, or weights by name. */
export type QueueChoice = "all" | string[] | Record<string, number>;

/** The names in a choice. */
export function queueNames(choice: QueueChoice): string[] | "all" {
  return choice === "all" || Array.isArray(choice) ? choice : Object.keys(choice);
}

/** Types whose jobs usually go to a queue that is not among those chosen, with that queue. */
export function typesElsewhere(
  choice: QueueChoice,
  handlers: Iterable<{ type: string; queue?: string }>,
): Map<string, string> {
  const names = queueNames(choice);
  const elsewhere = new Map<string, string>();
  for (const { type, queue } of handlers) {
    if (names !== "all" && queue !== undefined && !names.includes(queue)) elsewhere.set(type, queue);
  }
  return elsewhere;
}

/**
 * The order in which a claim looks at the queues. Lists keep theirs; weights are drawn without replacement, so a queue
 * with weight 6 comes before one with weight 1 six times out of seven and none starves.
 */
export function queueOrder(choice: QueueChoice, random: () => number): string[] | "all" {
  if (choice === "all" || Array.isArray(choice)) return choice;
  const left = new Map(Object.entries(choice));
  const order: string[] = [];
  while (left.size > 0) {
    const name = draw(left, random());
    order.push(name);
    left.delete(name);
  }
  return order;
}

function draw(weights: Map<string, number>, random: number): string {
  let rest = random * [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  let last = "";
  for (const [name, weight] of weights) {
    last = name;
    rest -= weight;
    if (rest < 0) break;
  }
  return last;
}
