/**
 * A view of plain data that refuses every change with the error `refusal` makes.
 * For the data of a turn that is over, or that runs beside another one: nothing vanishes silently.
 */
export function readonlyView<T>(value: T, refusal: () => Error): T {
  if (typeof value !== 'object' || value === null) return value;
  const refuse = () => {
    throw refusal();
  };
  return new Proxy(value, {
    get: (target, name, receiver) => {
      const found: unknown = Reflect.get(target, name, receiver);
      const own = Reflect.getOwnPropertyDescriptor(target, name);
      // A proxy must show a frozen property as it is; what is frozen needs no guard.
      return own && !own.configurable && !own.writable ? found : readonlyView(found, refusal);
    },
    set: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
    setPrototypeOf: refuse,
  });
}
