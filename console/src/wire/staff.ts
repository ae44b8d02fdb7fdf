/** The routes of staff, and of the first start. */
import { get, post, put } from './api';
import type * as w from './types';

export const setupState = () => get<w.SetupState>('/api/setup');
export const setup = (body: w.Setup) => post<w.Me>('/api/setup', body);
export const login = (body: w.Login) => post<w.Me>('/api/login', body);
export const logout = () => post('/api/logout');
export const me = () => get<w.Me>('/api/me');

export const sessions = (before?: number) =>
  get<w.SessionList>(`/api/sessions${before === undefined ? '' : `?before=${String(before)}`}`);
export const createSession = (body: w.NewSession) => post<w.SessionView>('/api/sessions', body);
export const session = (id: w.SessionId) => get<w.SessionView>(of(id));
export const end = (id: w.SessionId) => post(`${of(id)}/end`);
export const log = (id: w.SessionId) => get<w.SessionLog>(`${of(id)}/log`);
export const ticket = (id: w.SessionId) => post<w.Ticket>(`${of(id)}/tickets`);
export const eventsPath = (id: w.SessionId) => `${of(id)}/events`;

export const invite = (id: w.SessionId, agreed: boolean) => post<w.InviteCreated>(`${of(id)}/invites`, { agreed });
export const revokeInvite = (id: w.SessionId, invite: w.InviteId) =>
  post(`${of(id)}/invites/${encodeURIComponent(invite)}/revoke`);

export const admit = (id: w.SessionId, participant: w.ParticipantId) => post(`${person(id, participant)}/admit`);
export const decline = (id: w.SessionId, participant: w.ParticipantId) => post(`${person(id, participant)}/decline`);

export const freeze = (id: w.SessionId, body: w.Freeze) => post(`${of(id)}/freeze`, body);
export const unfreeze = (id: w.SessionId) => post(`${of(id)}/unfreeze`);

export const commitMark = (id: w.SessionId, body: w.NewMark) => post<w.Mark>(`${of(id)}/marks`, body);
export const undoMark = (id: w.SessionId, mark: w.MarkId) => post<w.MarksGone>(`${of(id)}/marks/undo`, { mark });
export const clearMarks = (id: w.SessionId) => post<w.MarksGone>(`${of(id)}/marks/clear`);

export const askPhoto = (id: w.SessionId, participant: w.ParticipantId) => post(`${of(id)}/photos`, { participant });
export const snapshotPath = (id: w.SessionId, object: w.ObjectId) => `${of(id)}/snapshots/${encodeURIComponent(object)}`;

export const note = (id: w.SessionId) => get<w.Note>(`${of(id)}/note`);
export const writeNote = (id: w.SessionId, body: w.Note) => put<w.NoteWritten>(`${of(id)}/note`, body);

const of = (id: w.SessionId) => `/api/sessions/${encodeURIComponent(id)}`;
const person = (id: w.SessionId, participant: w.ParticipantId) =>
  `${of(id)}/participants/${encodeURIComponent(participant)}`;
