/** Every word of the patient's page, in English, at a reading age of about nine. */
import type { Host, Trouble } from '../machine';
import type { WayOut } from '../browser';

const browser: Record<WayOut, string> = { safari: 'Safari', chrome: 'Chrome', browser: 'your browser' };
/** "Sam", "Sam and Kim", "Sam, Kim and Lee". */
const list = new Intl.ListFormat('en', { type: 'conjunction' });

export const en = {
  /** The page's own language, as its readers call it. */
  language: 'English',
  code: 'en',
  title: 'Camera help',

  loading: 'One moment…',
  call: ({ organisation }: Host) => `Call ${organisation}`,
  failed: 'That did not work. Please try again.',

  ask: {
    heading: ({ organisation }: Host) => `${organisation} wants to see through your camera.`,
    words: ({ technician }: Host) => `Ask ${technician} for these words:`,
    mismatch: 'If they do not match, close this page.',
    start: 'Start camera',
    allow: 'Your phone will ask. Tap Allow.',
    notMe: 'Not me',
    joining: 'One moment…',
  },
  waiting: {
    on: 'Your camera is on. Only you can see it.',
    off: 'Your camera is off.',
    soon: ({ technician }: Host) => `${technician} will join you soon.`,
    busy: ({ technician }: Host) => `${technician} is still busy.`,
    turnOff: 'Turn camera off',
    turnOn: 'Start camera',
    leave: 'Leave',
    keepWaiting: 'Keep waiting',
    textLater: 'Text me later',
  },
  live: {
    heading: 'Your camera is on.',
    seen: (names: string[]) => `${list.format(names)} can see this now`,
    frozen: (names: string[]) => `${list.format(names)} is looking at this picture.`,
    frozenElsewhere: (names: string[]) => `${list.format(names)} is looking at a still picture.`,
    drawing: (names: string[]) => `${list.format(names)} ${names.length > 1 ? 'are' : 'is'} drawing.`,
    backToCamera: 'Back to camera',
    pause: 'Pause',
    light: 'Light',
    lightOff: 'Light off',
    swap: 'Swap camera',
    stop: 'Stop',
    picture: 'What your camera sees',
  },
  who: {
    heading: 'Who sees what',
    camera: 'Camera',
    cameraOn: (names: string[]) => `${list.format(names)} can see it now.`,
    cameraOff: 'No one can see it.',
    sound: 'Sound',
    soundOff: 'No one can hear you here.',
    photos: 'Photos',
    photosOn: ({ organisation }: Host) => `${organisation} will keep the photos you take here.`,
    video: 'Video',
    videoNone: 'We keep none.',
    close: 'Close',
  },
  photo: {
    instead: 'Send a photo instead',
    send: 'Send a photo',
    another: 'Send another photo',
    reading: 'One moment…',
    yes: 'Yes, take photo',
    no: 'No',
    failed: 'That did not work. You can try again.',
    unreadable: 'We cannot read this picture. Please take a new one.',
    taking: 'Taking the photo…',
    taken: 'Photo taken',
    sent: 'Photo sent',
    /** Before a chosen photo is sent. */
    chosen: 'Send this photo?',
    chosenPicture: 'The photo you chose',
    yesSend: 'Yes, send photo',
    noSend: 'No, go back',
    sending: 'Your photo is being sent.',
    sendingMany: 'Your photos are being sent.',
    keepOpen: 'Keep this page open.',
    sentHeading: 'Sent.',
    looks: ({ technician }: Host) => `${technician} will look at it.`,
    none: 'You can send a photo.',
    asks: ({ technician }: Host) => `${technician} asks for a photo.`,
    left: (count: number) =>
      count === 1 ? 'One photo is still being sent. Keep this page open.' : `${String(count)} photos are still being sent. Keep this page open.`,
    allSent: 'Sent.',
    lost: (count: number) =>
      count === 1 ? 'One photo could not be sent.' : `${String(count)} photos could not be sent.`,
    camera: 'Start camera',
  },
  paused: {
    heading: 'Paused. No one can see your camera.',
    goOn: 'Go on',
  },
  stopped: {
    heading: 'Your camera stopped.',
    body: 'Tap the button to start it again.',
    off: 'Your camera is off.',
    offBody: 'Tap the button to start it.',
    start: 'Start camera',
  },
  over: {
    finished: {
      heading: 'Finished. Your camera is off.',
      body: 'No one can see you now. You can close this page.',
      /** While a photo is still being sent. */
      bodySending: 'No one can see you now.',
      helped: 'It helped',
      notHelped: 'It did not',
      thanks: 'Thank you for telling us.',
    },
    declined: {
      heading: 'Your camera is off.',
      body: 'We cannot help you here now. No one can see you. You can close this page.',
      bodySending: 'We cannot help you here now. No one can see you.',
    },
    notMe: { heading: 'Sorry.', body: 'Close this page. We will not text you again.' },
    later: {
      heading: 'We will text you.',
      body: 'Your camera is off. No one can see you now. You can close this page.',
      bodySending: 'Your camera is off. No one can see you now.',
    },
    askedAgain: { heading: 'Thank you.', body: 'We asked for a new text. You can close this page.' },
  },
  trouble: {
    denied: { heading: 'Your camera is blocked.', body: 'Tap Try again, then tap Allow.' },
    blocked: { heading: 'Your camera is blocked.', body: 'Here is where you can turn it on:' },
    'in-app': {
      heading: 'This app will not let us use your camera.',
      body: (out: WayOut) => `Open this page in ${browser[out]}.`,
      open: (out: WayOut) => `Open ${browser[out]}`,
      copy: 'Copy link',
      copied: 'Copied',
    },
    'old-browser': { heading: 'Your phone cannot send video here.', body: 'You can send photos.' },
    'in-use': { heading: 'Your camera is busy.', body: 'Close other apps that use it.' },
    failed: { heading: 'That did not work.', body: 'Nothing was sent. Please try again.' },
    tryAgain: 'Try again',
  } satisfies Record<Trouble, unknown> & { tryAgain: string },
  /** Where the switch of a blocked camera is. */
  switchSteps: {
    safari: ['Tap the sign next to the address.', 'Tap Website Settings.', 'Set Camera to Allow.', 'Tap Try again.'],
    chrome: ['Tap the sign next to the address.', 'Tap Permissions.', 'Turn on Camera.', 'Tap Try again.'],
    browser: ['Click the sign next to the address.', 'Set Camera to Allow.', 'Click Try again.'],
  } satisfies Record<WayOut, string[]>,
  offline: {
    heading: 'You are not online.',
    body: 'Stay on this page. We will keep trying.',
    tryNow: 'Try now',
  },
  stuck: {
    expired: {
      heading: 'This link has ended.',
      body: 'Ask for a new one. We will text you.',
      again: 'Ask for a new text',
    },
    used: {
      heading: 'This link is open on another phone.',
      body: 'Go back to that phone, or ask to use this one.',
      use: 'Use this phone',
    },
    revoked: { heading: 'This link was turned off.', body: 'Call us if you need help.' },
    incomplete: { heading: 'This link is not complete.', body: 'Open it again from the text we sent you.' },
  },
};
