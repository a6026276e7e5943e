import { azureVendor } from './channels/azure.ts';
import { lineVendor } from './channels/line.ts';
import { messengerVendor } from './channels/messenger.ts';
import { slackVendor } from './channels/slack.ts';
import { twilioVendor } from './channels/twilio.ts';
import { whatsappVendor } from './channels/whatsapp.ts';
import type { Vendor } from './vendor.ts';

/** Every simulated vendor. */
export const vendors: readonly Vendor[] = [messengerVendor, whatsappVendor, lineVendor, slackVendor, twilioVendor, azureVendor];
