/** The service worker: shows pushes while no page is open. */
import { attend, type Scope } from "./notice.ts";

attend(self as unknown as Scope);
