/** Answers in plain text, as Go's http.Error writes them: for what is no matter of the API. */
import type { HttpContext } from './context.ts'
import { sendText } from './respond.ts'

export const sendHttpError = (ctx: HttpContext, code: number, message: string): void => {
  if (ctx.response.headersSent) return
  ctx.response.setHeader('X-Content-Type-Options', 'nosniff')
  sendText(ctx, code, `${message}\n`)
}

export const sendPageNotFound = (ctx: HttpContext): void => sendHttpError(ctx, 404, '404 page not found')
