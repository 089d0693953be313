import type { Driver } from "../../storage/driver.ts";
import type { Keyring } from "./keyring.ts";

/** The same store, where jobs come out as they are read. What goes in is encrypted where it is made: there it is known what for. */
export function openedDriver(driver: Driver, keyring: Keyring): Driver {
  const opened: Partial<Driver> = {
    async get(ids) {
      return await keyring.open(await driver.get(ids));
    },
    async find(partialId, limit) {
      return await keyring.open(await driver.find(partialId, limit));
    },
    async list(query) {
      const page = await driver.list(query);
      return { ...page, items: await keyring.open(page.items) };
    },
    async claim(request) {
      const claim = await driver.claim(request);
      return { ...claim, jobs: await keyring.open(claim.jobs) };
    },
    async claimParked(request) {
      const claim = await driver.claimParked(request);
      return { ...claim, jobs: await keyring.open(claim.jobs) };
    },
    async gather(request) {
      const gathered = await driver.gather(request);
      return await Promise.all(
        gathered.map(async (group) => ({ ...group, jobs: await keyring.open(group.jobs) })),
      );
    },
    async groupJobs(query) {
      return await keyring.open(await driver.groupJobs(query));
    },
  };
  return new Proxy(driver, {
    get(target, name) {
      const member: unknown = Reflect.get(opened, name) ?? Reflect.get(target, name, target);
      // Methods of a driver reach its private parts, which a proxy does not have.
      return typeof member === "function" && !Reflect.has(opened, name) ? member.bind(target) : member;
    },
  });
}
