/** The public keys of a user of another server. Texts are canonical JSON. */
export interface UserKeys {
  /** By device ID: those that have keys. */
  readonly devices: ReadonlyMap<string, RemoteDevice>;
  readonly masterKeyJson: string | undefined;
  readonly selfSigningKeyJson: string | undefined;
}

export interface RemoteDevice {
  readonly displayName: string | undefined;
  /** Without `unsigned`. */
  readonly json: string;
}

/** What `GET /user/devices` says. */
export interface RemoteDeviceList extends UserKeys {
  readonly streamId: number;
}
