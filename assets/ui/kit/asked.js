// What a board is told where it shows no run: the form that an experiment file asks for, put into the fields once.
// No page needed.

/**
 * @template Form
 * @typedef {{ run: null, asked?: Form, back?: number }} Bare back: another number for another file
 */

/** @template Form */
export class Asked {
  /** @type {number | undefined} */
  back = undefined;

  /**
   * The form of a value, once; null where it brings none, or brought it before.
   * @param {{ run: string } | Bare<Form> | null} value
   * @returns {Form | null}
   */
  of(value) {
    if (!value || value.run !== null || value.back === undefined || value.back === this.back) return null;
    this.back = value.back;
    return value.asked ?? null;
  }
}
