import type { SigningKey } from '@limpet/protocol/signing';

/** Signatures made beside everything else: one takes longer than all the rest that a message asks for. */
export interface Signing {
  /** Signature over the UTF-8 of a text, in unpadded Base64. */
  sign(text: string, key: SigningKey): Promise<string>;
}
