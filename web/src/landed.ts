interface Landed {
  readonly likes: boolean;
  readonly comments: boolean;
  readonly walls: boolean;
  readonly mute: boolean;
}

/** Which parts of the server's interface this page shows. */
export const landed: Landed = { likes: false, comments: false, walls: true, mute: true };
