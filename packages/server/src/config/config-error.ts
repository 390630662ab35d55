/**
 * The configuration is wrong. The message is one line that names the key or the file and says what to do; exit status
 * 2.
 */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}
