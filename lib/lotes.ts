/**
 * Linhas que podem trazer muitos pedidos: um lote é tratado item a item sem ocupar a thread, e as
 * linhas compridas, que abertas ocupam várias vezes mais, poucas de cada vez.
 *
 * ```ts ignore
 * const receber = abrirLotes({
 *   abrir: (linha) => ({ itens: [JSON.parse(linha)].flat(), emLote: linha.startsWith("[") }),
 *   tratar: (conexao, item, lida) => conexoes.enviar(conexao, String(item)),
 *   ...
 * });
 * receber(conexao, '["um","dois"]', performance.now());
 * ```
 *
 * @module
 */

import type { Conexao } from "./conexao.ts";
import type { Conexoes } from "./conexoes.ts";
import { darAVez, type Tempo } from "./tempo.ts";
import { noLimite } from "./texto.ts";
import { abrirVez } from "./vez.ts";

/** O que um lote pode custar. */
export interface LimitesDosLotes {
  /** Itens tratados sem dar a vez às outras conexões. */
  readonly itensPorVolta: number;
  /** Caracteres de uma linha que, sendo um lote, já pesa; e quantas vezes mais ocupa, aberta. */
  readonly loteGrande: number;
  readonly loteAberto: number;
  /** Linhas dessas tratadas ao mesmo tempo, e à espera; além, a recusa, e a conexão fecha. */
  readonly linhasGrandes: { readonly juntos: number; readonly aEspera: number };
}

/** O que {@linkcode abrirLotes} usa de quem a chama. */
export interface OpcoesDosLotes {
  readonly limites: LimitesDosLotes;
  readonly tempo: Tempo;
  readonly conexoes: () => Pick<Conexoes, "guardar" | "lidas" | "dispensar">;
  /** Abre uma linha. @throws {Error} se não é uma das nossas. */
  abrir(linha: string): { itens: readonly unknown[]; emLote: boolean };
  /** Trata um item, que se leu em `lida`. */
  tratar(conexao: Conexao, item: unknown, lida: number): void;
  /** Responde a uma linha que não se pôde abrir. */
  recusar(conexao: Conexao, motivo: string): void;
  /** A linha que diz a alguém por que se lhe fecha a conexão. */
  recusa(motivo: string): string;
}

/** Quem trata uma linha; devolve uma promessa só quando é preciso esperar antes da próxima. */
export type QuemTrata = (
  conexao: Conexao,
  linha: string,
  lida: number,
) => Promise<void> | undefined;

/** Trata as linhas de muitas conexões. */
export function abrirLotes(opcoes: OpcoesDosLotes): QuemTrata {
  const { limites, tempo, conexoes } = opcoes;
  const grandes = abrirVez(limites.linhasGrandes);

  function tratarLinha(
    conexao: Conexao,
    linha: string,
    lida: number,
    pausar?: (espera: Promise<void>) => Promise<void>,
  ): Promise<void> | undefined {
    let aberta: ReturnType<OpcoesDosLotes["abrir"]>;
    try {
      aberta = opcoes.abrir(linha);
    } catch (erro) {
      opcoes.recusar(conexao, (erro as Error).message);
      return;
    }
    if (aberta.emLote) return tratarLote(conexao, aberta.itens, lida, pausar);
    opcoes.tratar(conexao, aberta.itens[0], lida);
  }

  /** Trata os itens de um lote; quase sempre de uma vez, sem esperar por nada. */
  function tratarLote(
    conexao: Conexao,
    itens: readonly unknown[],
    lida: number,
    pausar = (espera: Promise<void>) => espera,
  ): Promise<void> | undefined {
    conexao.saida.emLotes = true;
    let n = 0;
    /** Trata os que pode; devolve o que é preciso esperar antes dos outros. */
    function seguir(): Promise<void> | undefined {
      while (n < itens.length && !conexao.fechada) {
        opcoes.tratar(conexao, itens[n++], lida);
        const espera = conexoes().lidas(conexao);
        if (espera) return pausar(espera);
        if (n % limites.itensPorVolta === 0) return darAVez(tempo);
      }
    }
    const espera = seguir();
    return espera && esperarEnquanto(espera, seguir);
  }

  /** Quem manda linhas compridas não perde por isso a conexão, a menos que sejam mesmo demais. */
  async function tratarGrande(conexao: Conexao, linha: string, lida: number): Promise<void> {
    const vez = grandes.entrar();
    if (!vez) {
      const demais = noLimite(`há ${limites.linhasGrandes.aEspera} linhas compridas à espera`);
      const recusa = opcoes.recusa(`Conexão recusada: ${demais}`);
      return conexoes().dispensar(conexao, recusa, "memoria");
    }
    await vez;
    let minha = true;
    // Parada por quem não lê as respostas, é por conta dele, e não ocupa a vez dos outros.
    const pausar = async (espera: Promise<void>) => {
      const ocupa = linha.length * limites.loteAberto;
      conexoes().guardar(conexao, ocupa);
      grandes.sair();
      await espera;
      const outra = grandes.entrar();
      minha = outra !== undefined;
      await outra;
      conexoes().guardar(conexao, -ocupa);
    };
    try {
      await tratarLinha(conexao, linha, lida, pausar);
    } finally {
      if (minha) grandes.sair();
    }
  }

  return (conexao, linha, lida) =>
    linha.length > limites.loteGrande
      ? tratarGrande(conexao, linha, lida)
      : tratarLinha(conexao, linha, lida);
}

/** Espera, faz, e espera outra vez pelo que isso pede, até nada pedir. */
async function esperarEnquanto(
  espera: Promise<void> | undefined,
  fazer: () => Promise<void> | undefined,
): Promise<void> {
  while (espera) {
    await espera;
    espera = fazer();
  }
}
