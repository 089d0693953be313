/** What a caller may be allowed to do, from least to most. */
export const ROLES = ["read", "enqueue", "work", "operate", "admin"] as const;
/** One of {@linkcode ROLES}. */
export type Role = (typeof ROLES)[number];

/** A producer does not read other people's jobs and a worker does not act on them, so the roles are no simple ladder. */
const INCLUDES: Readonly<Record<Role, readonly Role[]>> = {
  read: ["read"],
  enqueue: ["enqueue"],
  work: ["work"],
  operate: ["read", "enqueue", "operate"],
  admin: ROLES,
};

/** Whether somebody with a role may do what needs another one. */
export function allows(role: Role, needed: Role): boolean {
  return INCLUDES[role].includes(needed);
}
