/**
 * O painel: três servidores de verdade, dois clientes, e uma página em 127.0.0.1 que mostra cada
 * mensagem que passa entre eles e deixa atrasá-la, cortar um elo, matar um servidor.
 *
 * ```sh
 * deno task painel                    # mostra o endereço da página
 * deno task painel --abrir            # e abre-a no navegador
 * deno task painel --rastro=a,b,c     # mostra servidores que correm noutro lado
 * ```
 *
 * @module
 */

import { inteiroEntre, lerArgumentos, lerOpcao } from "../lib/opcoes.ts";
import { atenderSinais } from "../lib/sinais.ts";
import { abrirTela } from "../lib/tela.ts";
import { textoDoErro } from "../lib/texto.ts";
import { Corrida } from "./painel/corrida.ts";
import { abrirRastros } from "./painel/rastros.ts";
import { type Servico, servir } from "./painel/servir.ts";

/** A porta da página, se está livre e não se pede outra. */
const PORTA = 8080;

const AJUDA = `Uso: painel [opções]

  --porta=PORTA         a porta da página (${PORTA}, ou outra se está ocupada)
  --abrir               abre a página no navegador
  --rastro=A,B,C        em vez de começar servidores, mostra os que escrevem
                        estes rastros (--rastro de cada um), sem comandos
  --rever=A,B,C         o mesmo, de uma corrida que já acabou
  --ajuda, --help, -h   este texto`;

interface Opcoes {
  readonly porta: number | undefined;
  readonly abrir: boolean;
  readonly rastro: readonly string[] | undefined;
  readonly rever: readonly string[] | undefined;
}

/** Lê as opções; um texto, se é só para mostrá-lo. @throws {TypeError} se alguma não serve. */
function lerLinhaDeComando(args: readonly string[]): Opcoes | string {
  const lidos = lerArgumentos(args, { textos: ["porta", "rastro", "rever"], sinais: ["abrir"] });
  const { opcoes, livres } = lidos;
  if (opcoes.ajuda || opcoes.versao) return AJUDA;
  if (livres.length > 0) throw new TypeError(`Argumento inesperado: "${livres[0]}"; veja --ajuda`);
  if (opcoes.rastro !== undefined && opcoes.rever !== undefined) {
    throw new TypeError("--rastro não vale com --rever");
  }
  return {
    porta: lerOpcao(lidos, "porta", inteiroEntre(0, 65_535)),
    abrir: opcoes.abrir !== undefined,
    rastro: opcoes.rastro?.split(","),
    rever: opcoes.rever?.split(","),
  };
}

/** Serve na porta pedida; sem uma, na de costume ou, ocupada, noutra. */
function servirNaPorta(porta: number | undefined, servico: Servico) {
  if (porta !== undefined) return servir(porta, servico);
  try {
    return servir(PORTA, servico);
  } catch (erro) {
    if (!(erro instanceof Deno.errors.AddrInUse)) throw erro;
    return servir(0, servico);
  }
}

/** Abre a página no navegador de quem nos chamou; se não há um, di-lo. */
async function abrirNavegador(endereco: string, avisar: (texto: string) => void): Promise<void> {
  const [programa, ...args] = Deno.build.os === "windows"
    ? ["rundll32", "url.dll,FileProtocolHandler", endereco]
    : [Deno.build.os === "darwin" ? "open" : "xdg-open", endereco];
  try {
    const { success } = await new Deno.Command(programa!, { args, stdout: "null", stderr: "null" })
      .output();
    if (!success) throw new Error(`${programa} falhou`);
  } catch (erro) {
    avisar(`Aviso: não foi possível abrir o navegador: ${textoDoErro(erro)}`);
  }
}

/** O programa; devolve o código de saída. */
async function main(args: readonly string[]): Promise<number> {
  const tela = abrirTela();
  const fim = Promise.withResolvers<void>();
  try {
    const opcoes = lerLinhaDeComando(args);
    if (typeof opcoes === "string") {
      tela.linha(opcoes);
      return 0;
    }
    atenderSinais(() => fim.resolve());
    const { rastro, rever } = opcoes;
    const arquivos = rastro ?? rever;
    const comecando = arquivos
      ? abrirRastros(arquivos, { gravada: rever !== undefined })
      : Corrida.iniciar();
    await using servico = await comecando;
    await using servido = servirNaPorta(opcoes.porta, servico);
    tela.linha(`Painel em ${servido.endereco} (Ctrl-C acaba)`);
    // Há navegadores que só devolvem a vez quando se fecham.
    if (opcoes.abrir) abrirNavegador(servido.endereco, tela.aviso);
    await fim.promise;
    return 0;
  } catch (erro) {
    tela.erro(`ERRO: ${textoDoErro(erro)}`);
    return erro instanceof TypeError ? 2 : 1;
  } finally {
    await tela.despedir();
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
