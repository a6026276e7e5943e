import type { Vendor } from './vendor.ts';

/** Who is who: people by the name the user of the simulator gives them, and as each vendor names them. */
export interface People {
  /** The vendor's id of a person. */
  id(vendor: Vendor, name: string): string;
  /** The name behind a vendor's id; undefined for somebody nobody has mentioned. */
  name(channel: string, id: string): string | undefined;
}

export function people(): People {
  const names = new Map<string, string>();
  const key = (channel: string, id: string) => JSON.stringify([channel, id]);
  return {
    id(vendor, name) {
      const id = vendor.person(name);
      names.set(key(vendor.channel, id), name);
      return id;
    },
    name: (channel, id) => names.get(key(channel, id)),
  };
}
