/** Whether the live view's keys are used: kept on this machine, and nothing else is. */

const NAME = 'handlens.keys';

class KeysSetting {
  #on = $state(read());

  get on(): boolean {
    return this.#on;
  }

  set on(on: boolean) {
    this.#on = on;
    try {
      localStorage.setItem(NAME, on ? 'on' : 'off');
    } catch {
      // A browser that keeps nothing asks again next time.
    }
  }
}

function read(): boolean {
  try {
    return localStorage.getItem(NAME) !== 'off';
  } catch {
    return true;
  }
}

export const keysSetting = new KeysSetting();
