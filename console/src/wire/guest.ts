/** The routes of a guest, from the link to the realtime plane. */
import { get, post } from './api';
import type * as w from './types';

export const peek = (secret: string) => post<w.Peek>('/api/invites/peek', { secret });
export const refuse = (secret: string) => post('/api/invites/refuse', { secret });
export const again = (secret: string) => post('/api/invites/again', { secret });
export const redeem = (body: w.Redeem) => post<w.GuestView>('/api/invites/redeem', body);

export const view = () => get<w.GuestView>('/api/guest');
export const consent = (body: w.Consent) => post('/api/guest/consents', body);
export const leave = () => post('/api/guest/leave');
export const feedback = (helped: boolean) => post('/api/guest/feedback', { helped });
export const declinePhoto = (request: w.RequestId) => post('/api/guest/photos/decline', { request });
export const receipt = (object: w.ObjectId) =>
  get<w.Receipt>(`/api/guest/uploads/${encodeURIComponent(object)}/receipt`);
export const ticket = () => post<w.Ticket>('/api/guest/tickets');
export const EVENTS_PATH = '/api/guest/events';
