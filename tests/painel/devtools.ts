/**
 * O protocolo DevTools sobre o WebSocket do Deno: pedidos com resposta, e notícias por sessão.
 *
 * @module
 */

/** O que o navegador manda: a resposta a um pedido, ou uma notícia. */
interface Mandado {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: { readonly [campo: string]: unknown };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** Quem ouve as notícias de uma sessão. */
type Ouvinte = (metodo: string, parametros: { readonly [campo: string]: unknown }) => void;

/** Uma ligação a um navegador. */
export interface Canal {
  pedir<T>(metodo: string, parametros?: object, sessionId?: string): Promise<T>;
  ouvir(sessionId: string, ouvinte: Ouvinte): void;
  fechar(): Promise<void>;
}

/** Liga-se a um navegador. @throws {Error} se não se pode. */
export async function ligarCanal(endereco: string): Promise<Canal> {
  const meio = new WebSocket(endereco);
  const aberto = Promise.withResolvers<void>();
  const fechado = Promise.withResolvers<void>();
  const pendentes = new Map<number, PromiseWithResolvers<unknown>>();
  const ouvintes = new Map<string, Ouvinte>();
  let ultimo = 0;
  meio.onopen = () => aberto.resolve();
  meio.onerror = () => aberto.reject(new Error(`Navegador sem resposta em "${endereco}"`));
  meio.onclose = () => {
    for (const { reject } of pendentes.values()) reject(new Error("O navegador foi-se"));
    pendentes.clear();
    fechado.resolve();
  };
  meio.onmessage = ({ data }) => {
    const { id, sessionId, method, params, result, error } = JSON.parse(data) as Mandado;
    if (id === undefined) {
      if (method !== undefined) ouvintes.get(sessionId ?? "")?.(method, params ?? {});
      return;
    }
    const pendente = pendentes.get(id);
    pendentes.delete(id);
    if (error) pendente?.reject(new Error(`O navegador recusou: ${error.message}`));
    else pendente?.resolve(result);
  };
  await aberto.promise;
  return {
    pedir<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
      const [id, pendente] = [++ultimo, Promise.withResolvers<unknown>()];
      pendentes.set(id, pendente);
      meio.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
      return pendente.promise as Promise<T>;
    },
    ouvir: (sessionId, ouvinte) => ouvintes.set(sessionId, ouvinte),
    async fechar() {
      meio.close();
      await fechado.promise;
    },
  };
}
