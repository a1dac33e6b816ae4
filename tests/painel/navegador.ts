/**
 * Um navegador de verdade, guiado pelo seu protocolo DevTools sobre o WebSocket do Deno: abre
 * páginas, avalia, espera, clica, tecla, tira retratos, e guarda o que a página disse de errado.
 *
 * ```ts
 * import { acharNavegador, iniciarNavegador } from "./navegador.ts";
 *
 * const caminho = await acharNavegador();
 * if (caminho !== undefined) {
 *   await using navegador = await iniciarNavegador(caminho);
 *   await using pagina = await navegador.abrir("data:text/html;charset=utf-8,<h1>ol%C3%A1</h1>");
 *   if (await pagina.avaliar("document.body.innerText") !== "olá") throw new Error("não abriu");
 * }
 * ```
 *
 * @module
 */

import { ate as esperar } from "../apoio.ts";
import { type Canal, ligarCanal } from "./devtools.ts";
import { clicar, type Pedir, teclar, ver } from "./mao.ts";

/** Onde um navegador destes costuma estar. */
const CAMINHOS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
] as const;

/** Quanto se espera, em milissegundos, que o navegador se ponha a andar ou que uma condição valha. */
const PRAZO_MS = 20_000;

/** De quanto em quanto se pergunta à página se já vale, em milissegundos. */
const PERGUNTA_MS = 50;

/** O navegador desta máquina, se há algum. */
export async function acharNavegador(): Promise<string | undefined> {
  for (const caminho of CAMINHOS) {
    try {
      if ((await Deno.stat(caminho)).isFile) return caminho;
    } catch (erro) {
      if (!(erro instanceof Deno.errors.NotFound)) throw erro;
    }
  }
  return undefined;
}

/** Um navegador a andar. */
export interface Navegador extends AsyncDisposable {
  /** Abre uma página, do tamanho e no esquema de cores que se quer. */
  abrir(endereco: string, vista?: Vista): Promise<Pagina>;
}

/** Como se vê uma página. */
export interface Vista {
  readonly largura: number;
  readonly altura: number;
  readonly escuro?: boolean;
  /** Se quem vê pediu menos movimento. */
  readonly quieto?: boolean;
}

/** Uma página aberta. */
export interface Pagina extends AsyncDisposable {
  /** O que a página disse de errado: exceções, `console.error`, o que não pôde carregar. */
  readonly erros: readonly string[];
  /** O valor de uma expressão, avaliada na página. */
  avaliar<T>(expressao: string): Promise<T>;
  /** Espera que uma expressão seja verdadeira na página, e devolve-a. */
  ate<T>(expressao: string, prazoMs?: number): Promise<T>;
  /** Um clique de rato, onde o elemento está. */
  clicar(seletor: string): Promise<void>;
  /** Uma tecla: `Tab`, `ArrowDown`, `Enter`, ou uma letra. */
  teclar(tecla: string): Promise<void>;
  ver(vista: Vista): Promise<void>;
  recarregar(): Promise<void>;
  /** Um retrato em PNG do que se vê, ou da página inteira. */
  retratar(inteira?: boolean): Promise<Uint8Array>;
}

const VISTA: Vista = { largura: 1280, altura: 720 };

/** Um processo de navegador: a quem se liga quem o guia. */
export interface ProcessoDeNavegador extends AsyncDisposable {
  /** Uma ligação a ele; há quantas se queira. */
  ligar(): Promise<Navegador>;
}

/** Põe um navegador a andar, com uma pasta sua que acaba com ele, e liga-se a ele. */
export async function iniciarNavegador(caminho: string): Promise<Navegador> {
  await using pilha = new AsyncDisposableStack();
  const processo = pilha.use(await lancarNavegador(caminho));
  const navegador = pilha.use(await processo.ligar());
  const tudo = pilha.move();
  return { ...navegador, [Symbol.asyncDispose]: () => tudo.disposeAsync() };
}

/** Põe um navegador a andar, com uma pasta sua que acaba com ele. */
export async function lancarNavegador(caminho: string): Promise<ProcessoDeNavegador> {
  const pasta = await Deno.makeTempDir({ prefix: "painel-navegador-" });
  const processo = new Deno.Command(caminho, {
    args: [
      "--headless=new",
      // Como root, que é como corre numa imagem de CI, a caixa do navegador não arranca.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-extensions",
      "--disable-background-networking",
      "--hide-scrollbars",
      "--remote-debugging-port=0",
      `--user-data-dir=${pasta}`,
      "about:blank",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const acabar = async () => {
    try {
      processo.kill("SIGKILL");
    } catch {
      // Já tinha acabado.
    }
    await processo.status;
    // Os filhos do navegador ainda podem estar a largar a pasta.
    await esperar(() => apagar(pasta), "a pasta do navegador apagada");
  };
  try {
    const endereco = await enderecoDoDevtools(pasta);
    return {
      async ligar() {
        const canal = await ligarCanal(endereco);
        return {
          abrir: (pagina, vista = VISTA) => abrirPagina(canal, pagina, vista),
          [Symbol.asyncDispose]: () => canal.fechar(),
        };
      },
      [Symbol.asyncDispose]: acabar,
    };
  } catch (erro) {
    await acabar();
    throw erro;
  }
}

async function apagar(pasta: string): Promise<boolean> {
  try {
    await Deno.remove(pasta, { recursive: true });
    return true;
  } catch (erro) {
    return erro instanceof Deno.errors.NotFound;
  }
}

/** O navegador escreve na sua pasta a porta em que se deixa guiar. */
async function enderecoDoDevtools(pasta: string): Promise<string> {
  let achado = "";
  await esperar(
    async () => {
      try {
        const [porta, caminho] = (await Deno.readTextFile(`${pasta}/DevToolsActivePort`)).split(
          "\n",
        );
        if (porta && caminho) achado = `ws://127.0.0.1:${porta}${caminho}`;
      } catch (erro) {
        if (!(erro instanceof Deno.errors.NotFound)) throw erro;
      }
      return achado !== "";
    },
    "o navegador a andar",
  );
  return achado;
}

async function abrirPagina(canal: Canal, endereco: string, vista: Vista): Promise<Pagina> {
  const { targetId } = await canal.pedir<{ targetId: string }>("Target.createTarget", {
    url: "about:blank",
    // Uma janela sua: uma aba que não está à frente não desenha.
    newWindow: true,
  });
  const { sessionId } = await canal.pedir<{ sessionId: string }>("Target.attachToTarget", {
    targetId,
    flatten: true,
  });
  const pedir = <T>(metodo: string, parametros = {}) =>
    canal.pedir<T>(metodo, parametros, sessionId);
  const erros: string[] = [];
  canal.ouvir(sessionId, (metodo, parametros) => {
    const erro = erroDe(metodo, parametros);
    if (erro !== undefined) erros.push(erro);
  });
  for (const dominio of ["Page", "Runtime", "Log"]) await pedir(`${dominio}.enable`);
  const pagina = fazerPagina(pedir, erros, async () => {
    await canal.pedir("Target.closeTarget", { targetId });
  });
  await pagina.ver(vista);
  await pedir("Page.navigate", { url: endereco });
  await pagina.ate("document.readyState === 'complete' && location.href !== 'about:blank'");
  return pagina;
}

function fazerPagina(pedir: Pedir, erros: string[], fechar: () => Promise<void>): Pagina {
  const avaliar = async <T>(expression: string): Promise<T> => {
    const { result, exceptionDetails } = await pedir<Avaliado<T>>("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails) {
      const { exception, text } = exceptionDetails;
      throw new Error(`Na página, "${expression}": ${exception?.description ?? text}`);
    }
    return result.value;
  };
  const ate = async <T>(expressao: string, prazoMs = PRAZO_MS): Promise<T> => {
    const fim = performance.now() + prazoMs;
    while (performance.now() < fim) {
      const valor = await avaliar<T>(expressao);
      if (valor) return valor;
      await new Promise((resolve) => setTimeout(resolve, PERGUNTA_MS));
    }
    throw new Error(
      `Esperei ${prazoMs} ms na página por "${expressao}"; erros: ${erros.join("; ")}`,
    );
  };
  return {
    erros,
    avaliar,
    ate,
    clicar: (seletor) => clicar(pedir, avaliar, seletor),
    teclar: (tecla) => teclar(pedir, tecla),
    ver: ({ largura, altura, escuro = false, quieto = false }) =>
      ver(pedir, largura, altura, escuro, quieto),
    async recarregar() {
      await avaliar("window.recarregando = true");
      await pedir("Page.reload");
      await ate("window.recarregando !== true && document.readyState === 'complete'");
    },
    async retratar(inteira = false) {
      const { data } = await pedir<{ data: string }>("Page.captureScreenshot", {
        format: "png",
        captureBeyondViewport: inteira,
      });
      return Uint8Array.from(atob(data), (letra) => letra.charCodeAt(0));
    },
    [Symbol.asyncDispose]: fechar,
  };
}

interface Avaliado<T> {
  readonly result: { readonly value: T };
  readonly exceptionDetails?: {
    readonly text: string;
    readonly exception?: { readonly description?: string };
  };
}

/** O que uma notícia do navegador diz de errado, se diz. */
function erroDe(metodo: string, parametros: { readonly [campo: string]: unknown }) {
  if (metodo === "Runtime.exceptionThrown") {
    return JSON.stringify(parametros["exceptionDetails"]);
  }
  if (metodo === "Runtime.consoleAPICalled" && parametros["type"] === "error") {
    return JSON.stringify(parametros["args"]);
  }
  if (metodo !== "Log.entryAdded") return undefined;
  const { level, text, url } = parametros["entry"] as { level: string; text: string; url?: string };
  return level === "error" ? `${text} ${url ?? ""}` : undefined;
}
