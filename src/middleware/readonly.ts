/**
 * A view of plain data that refuses every change with the error `refusal` makes.
 * The data must not be frozen. For the data of a turn that is over, or that runs beside another one: nothing vanishes silently.
 */
export function readonlyView<T>(value: T, refusal: () => Error): T {
  if (typeof value !== 'object' || value === null) return value;
  const refuse = () => {
    throw refusal();
  };
  return new Proxy(value, {
    get: (target, name, receiver) => readonlyView<unknown>(Reflect.get(target, name, receiver), refusal),
    set: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
    setPrototypeOf: refuse,
  });
}
