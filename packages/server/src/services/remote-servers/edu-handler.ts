import type { JsonObject } from '@limpet/protocol/json';
import type { Verdict } from '@limpet/protocol/verdict';

/**
 * Takes what other servers say in EDUs of one type. `origin` is the server that signed the transaction; `content` is
 * as it came, so nothing of it may be believed, neither types nor that it is of users of that server.
 *
 * A refusal is logged, and so is what is thrown; the transaction goes on either way, since the specification has no way
 * to answer for an EDU. What has to survive a crash is on disk when the promise is kept.
 * Specification: server-server API, "EDUs".
 */
export type EduHandler = (origin: string, content: JsonObject) => Promise<Verdict>;

/** By `edu_type`. */
export type EduHandlers = Readonly<Record<string, EduHandler>>;
