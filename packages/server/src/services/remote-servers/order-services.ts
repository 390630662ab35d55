import type { ServiceRecord } from '../../platform/dns.ts';
import type { Random } from '../../platform/random.ts';

/**
 * In the order in which they are to be tried: the lowest priority first, and among equals by chance, in proportion to
 * the weight. A target `.` says that the service is decidedly not there (RFC 2782).
 */
export function orderServices(records: readonly ServiceRecord[], random: Random): ServiceRecord[] {
  const left = records.filter(({ target }) => target !== '' && target !== '.');
  const ordered: ServiceRecord[] = [];
  while (left.length > 0) {
    const priority = Math.min(...left.map((record) => record.priority));
    const equals = left.filter((record) => record.priority === priority);
    const chosen = chooseByWeight(equals, random);
    ordered.push(chosen);
    left.splice(left.indexOf(chosen), 1);
  }
  return ordered;
}

function chooseByWeight(records: readonly ServiceRecord[], random: Random): ServiceRecord {
  const [first, ...rest] = [...records].sort((left, right) => left.weight - right.weight);
  if (first === undefined) throw new Error('There is none to choose from');
  const total = records.reduce((sum, { weight }) => sum + weight, 0);
  let mark = (Buffer.from(random.bytes(4)).readUInt32BE() / 2 ** 32) * total - first.weight;
  let chosen = first;
  for (const record of rest) {
    if (mark < 0) break;
    chosen = record;
    mark -= record.weight;
  }
  return chosen;
}
